"""What is done: verbs that load, decide, store and announce in one transaction."""
