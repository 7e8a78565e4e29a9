"""Files of examples that users bring: JSON lines, CSV, Parquet, `datasets` on disk."""
