"""Holds the clauses against the text: `python -m tests.conformance.specification SPEC PROTO…`.

SPEC is `docs/specification.md` of open-telemetry/opentelemetry-proto, PROTO are the files of the
four sections `Data model`. It says which quotes are no longer in the text, and which sentences of SPEC with
MUST, SHOULD or MAY no clause quotes although they do not speak of the client alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.registry import clauses

_KEYWORD = re.compile(r"\b(MUST|SHOULD|MAY|RECOMMENDED|REQUIRED)\b")
_OF_THE_CLIENT = re.compile(
    r"\b([Tt]he|[Ss]uch) clients?\b|\b[Cc]lients? (are|SHOULD|MUST|MAY)|number of concurrent|senders|queues|"
    r"requests that receive a response status|HTTP response status codes as retryable|parallel connections|"
    r"client implementation|response status codes MUST NOT be retried|SHOULD be treated as non-retryable"
)


def main(files: Sequence[str]) -> int:
    """0: every quote stands in the text and every sentence is quoted; 1: not so; 2: no file was given."""
    if not files:
        print("name docs/specification.md of open-telemetry/opentelemetry-proto", file=sys.stderr)
        return 2
    texts = [plain(Path(file).read_text(encoding="utf-8")) for file in files]
    quotes = [part.strip(" ,") for clause in clauses() for part in plain(clause.quote).split("[...]")]
    stale = sorted({quote for quote in quotes if not any(quote.lower() in text.lower() for text in texts)})
    uncovered = [
        sentence
        for sentence in re.split(r"(?<=[.!?])\s+", texts[0])
        if _KEYWORD.search(sentence)
        and not _OF_THE_CLIENT.search(sentence)
        and not any(
            quote.lower() in sentence.lower() or sentence.lower() in quote.lower() for quote in quotes
        )
    ]
    for quote in stale:
        print(f"not in the specification: {quote}")
    for sentence in uncovered:
        print(f"no clause quotes: {sentence}")
    return 1 if stale or uncovered else 0


def plain(markdown: str) -> str:
    """Text without links, emphasis, list marks, comment marks and line breaks."""
    text = re.sub(r"!?\[((?:[^\[\]]|\\.)*)\]\s*\([^)]*\)", r"\1", markdown)
    text = re.sub(r"^\s*(// *)?([*-] |#+ )?", "", text, flags=re.MULTILINE)
    return re.sub(r"\s+", " ", re.sub(r"[`\\*]", "", text)).strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
