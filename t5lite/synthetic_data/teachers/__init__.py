"""One way to ask a teacher: requests, who answers them, and what is kept of the answers."""
