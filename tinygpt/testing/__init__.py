"""What the tests, the gradient checks and the lessons share."""
