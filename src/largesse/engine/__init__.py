"""What is decided: pure functions over plain data. No I/O, no clock, no database."""
