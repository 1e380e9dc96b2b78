"""E-mail addresses, links, @names and phone numbers of a document, as the span group "contacts"."""

import re

from pipekit import Batch

PATTERNS = {
    "EMAIL": r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}",
    "URL": r"https?://[^\s«»<>]{1,2000}[^\s«»<>.,;:!?)]",
    "NAME": r"(?<!\w)@\w{2,40}",
    "PHONE": r"(?<!\w)(?:\+7|8)[\s(-]{0,2}\d{3}[\s)-]{0,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)",
}


class Contacts:
    """Finds what PATTERNS describe; `labels` chooses among them."""

    requires = ()
    assigns = ("contacts",)

    def __init__(self, labels: list[str] | None = None) -> None:
        chosen = labels or list(PATTERNS)
        self.pattern = re.compile("|".join(f"(?P<{label}>{PATTERNS[label]})" for label in chosen))

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            found = [
                doc.char_span(*match.span(), match.lastgroup, "expand")
                for match in self.pattern.finditer(doc.text)
            ]
            doc.set_spans("contacts", [span for span in found if span is not None])
