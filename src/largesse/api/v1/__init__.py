"""Operations of the server-side API, version 1."""
