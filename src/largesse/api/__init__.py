"""What is said: a file per URL family, bodies in, views out."""
