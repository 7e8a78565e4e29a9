"""What a compiled program needs of the devices that it is compiled for, here or elsewhere."""
