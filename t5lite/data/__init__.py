"""Task -> TokenStore -> mixture -> packed batches. numpy only: no jax, no model."""
