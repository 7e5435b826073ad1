"""Programs that measure a part of augtool; they print what contestants print."""
