"""How much of a text leaves the process: one vocabulary for traces and for the decision log."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Literal

Content = Literal["full", "hidden", "hashed", "truncated"]
"""`full`: the text. `hidden`: nothing of it. `hashed`: a digest, equal for equal texts. `truncated`: its beginning."""

KEY_VARIABLE = "ROUTERKIT_HASH_KEY"
"""Environment variable with a secret for `hashed`: without one, whoever guesses a text can confirm the guess."""

HIDDEN = "[hidden]"
TRUNCATED_CHARS = 40
_DIGEST_CHARS = 32


def mask(text: str, content: Content) -> str:
    """What may be shown of `text`.

    Hashes are HMAC-SHA256 (RFC 2104) under the key in `ROUTERKIT_HASH_KEY`, shortened to 128 bits.
    """
    if content == "full":
        return text
    if content == "hidden":
        return HIDDEN
    if content == "truncated":
        return text if len(text) <= TRUNCATED_CHARS else text[:TRUNCATED_CHARS] + "..."
    key = os.environ.get(KEY_VARIABLE, "").encode()
    digest = hmac.new(key, text.encode("utf-8", errors="surrogatepass"), hashlib.sha256)
    return f"sha256:{digest.hexdigest()[:_DIGEST_CHARS]}"
