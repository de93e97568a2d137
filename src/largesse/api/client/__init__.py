"""Operations that a browser or an app may call with client keys."""
