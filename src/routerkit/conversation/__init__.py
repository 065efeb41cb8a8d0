"""Which text of a conversation is routed: the last turn alone, with the one before, or as a follow-up of its topic."""
