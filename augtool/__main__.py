"""``python -m augtool``: the command line."""

from augtool_cli.main import main  # type: ignore[import-not-found, unused-ignore]

main()
