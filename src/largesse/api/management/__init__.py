"""Operations on projects themselves, called with management keys."""
