"""What a fresh run starts from: a checkpoint of any format, compared with what the run asks for."""
