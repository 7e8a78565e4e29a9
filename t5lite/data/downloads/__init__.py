"""What `t5lite data fetch` gets, from where, and how it is unpacked."""
