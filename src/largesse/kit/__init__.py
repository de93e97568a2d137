"""What any such server needs: HTTP, keys, ids, errors, the database, logs. Knows no promotions."""
