"""What a URL has that nobody else may see: passwords and signed tokens, which no message, report or file shows.

Names of inputs go through `redacted` where they become names, messages where errors are made, and the text of every
output once more; a file is opened by the URL as it was given.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_MARK = "://"
# The expressions are compiled when a text has a URL, since most runs meet none and each takes a part of a millisecond.
# User and password in front of a host. A user alone is no secret: `abfs://container@account` has the container there.
# A number of a port is no password, and the longest password that is looked for over a slash has 1,000 letters.
_PASSWORD = (
    r"(?i)(?P<before>(?<![a-z0-9+.\-])[a-z][a-z0-9+.\-]{0,40}://[^\s/?#:@\[]{0,1000}):(?!\d{0,5}(?:[/?#\s]|$))"
    r"(?:[^\s/?#]{0,1000}|\S{0,1000}?)@"
)
# A user alone that is the token of a service: such tokens say what they are.
_TOKEN_AS_USER = r"(?i)(?P<before>https?://)(?:gh[a-z]_|github_pat_|glpat-|hf_)[^\s/?#@]{1,1000}@"
_URL = r"(?i)(?<![a-z0-9+.\-])[a-z][a-z0-9+.\-]{0,40}://[^\s\"'<>]*"
# A parameter of a query, or of the part behind the number sign, where some services put tokens.
_PARAMETER = r"(?P<mark>[?&;#])(?P<name>[^=&;#?]{1,200})=(?P<value>(?!\*\*\*)[^&;#]*)"
# Signs at the end of a value that are of the sentence around it.
_OF_SENTENCE = ":,.)]`"
# Names of parameters that carry a secret: of S3, Google Cloud Storage, Azure, CloudFront, and what others use.
_SECRET = (
    r"(?i)x-[a-z]+-(?:signature|credential|security-token)|(?:aws|oss)accesskeyid|googleaccessid|key-pair-id|policy|"
    r"(?:[a-z0-9_\-.]*[_\-.])?(?:token|secret|password|passwd|passphrase|pwd|auth|authorization|credentials?|jwt|"
    r"signature|sig|sas|apikey|session|sessionid|sid|bearer)|"
    r"[a-z0-9_\-.]*(?:api|access|secret|private|account|subscription|shared)[_\-.]?key(?:[_\-.]?id)?|[a-z]*token"
)
# A `key` may name the file: only one that looks like a drawn secret is hidden.
_MAYBE, _DRAWN = ("key", "code"), r"[A-Za-z0-9_\-+%=]{20,}"


def redacted(text: str) -> str:
    """Return a text, as a name or a message, with the secrets of the URLs in it replaced by `***`."""
    if _MARK not in text:
        return text
    hidden = re.sub(_PASSWORD, rf"\g<before>:{HIDDEN}@", text)
    hidden = re.sub(_TOKEN_AS_USER, rf"\g<before>{HIDDEN}@", hidden)
    return re.sub(_URL, lambda url: re.sub(_PARAMETER, _parameter, url[0]) if "=" in url[0] else url[0], hidden)


def _parameter(found: re.Match[str]) -> str:
    """Return a parameter, without its value if it is a secret."""
    from urllib.parse import unquote_plus

    name = unquote_plus(found["name"])
    secret = re.fullmatch(_SECRET, name) or (name.lower() in _MAYBE and re.fullmatch(_DRAWN, found["value"]))
    if not (secret and found["value"]):
        return found[0]
    end = found["value"][len(found["value"].rstrip(_OF_SENTENCE)) :]
    return f"{found['mark']}{found['name']}={HIDDEN}{end}"
