"""What a user reads: near names, tables, progress, and where errors came from."""
