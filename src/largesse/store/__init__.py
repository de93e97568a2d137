"""What is remembered: all SQL, as named constants, each scoped by project."""
