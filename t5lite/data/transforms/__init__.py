"""What makes other examples of a Task's each time that they are drawn."""
