"""What a user reads: near names, tables, progress, and which errors are told as ours."""
