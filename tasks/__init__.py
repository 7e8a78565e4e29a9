"""What the machine learns: declarative seqio registrations. No jax here."""
