"""Images of rows for people to look at."""
