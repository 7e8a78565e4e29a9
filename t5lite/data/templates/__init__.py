"""Templates that strangers wrote, rendered in a process of their own."""
