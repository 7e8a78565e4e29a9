"""From tokens to rows: feature converters and packing."""
