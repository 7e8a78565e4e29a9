"""Which of two models gives the better answers, as a person or a model judges them blind."""
