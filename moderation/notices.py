"""Messages to people: a page and a bell, and mail where it matters. Plain text, never any media.

A notice is written in the transaction of what it tells about. Its mail is sent afterwards by the
keeper, with growing pauses while the mail server is away, so nothing waits for it and none is lost.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from accounts.models import User, Workspace
from generation.models import Receipt
from moderation.models import Notice

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(minutes=1)
BELL_SECONDS = 300
MAIL_BATCH = 50


def tell(
    user: User,
    title: str,
    text: str,
    *,
    url: str = "",
    workspace: Workspace | None = None,
    receipt: Receipt | None = None,
    mail: bool = False,
) -> Notice | None:
    """Write a notice for somebody with an account. None: the account is deleted."""
    if user.deleted_at is not None:
        return None
    notice = Notice.objects.create(
        user=user,
        workspace=workspace,
        title=one_line(title)[:120],
        text=text[:2000],
        url=url[:300],
        receipt=receipt,
        mail=mail,
    )
    ring(user)
    return notice


def tell_address(address: str, title: str, text: str, *, workspace: Workspace | None) -> Notice:
    """Write to somebody without an account, who left an address for exactly this."""
    return Notice.objects.create(
        address=address,
        workspace=workspace,
        title=one_line(title)[:120],
        text=text[:2000],
        mail=True,
    )


def one_line(text: str) -> str:
    """Titles become subjects of mails: no line breaks, no control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def ring(user: User) -> None:
    """The bell counts anew, once this is committed."""
    transaction.on_commit(lambda: cache.delete(_key(user)))


def unread(user: User) -> int:
    """How many notices wait; from the cache, so that a page costs no query for its bell."""
    found = cache.get(_key(user))
    if found is None:
        found = Notice.objects.filter(user=user, read_at=None).count()
        cache.set(_key(user), found, BELL_SECONDS)
    return int(found)


def _key(user: User) -> str:
    return f"notices.unread.{user.pk}"


def mark_read(user: User) -> int:
    """Everything this person has been shown."""
    with transaction.atomic():
        count = Notice.objects.filter(user=user, read_at=None).update(read_at=timezone.now())
        ring(user)
    return count


def send_due_mail() -> int:
    """Send what waits. One mail at a time is locked, so two keepers never send it twice."""
    sent = 0
    for _ in range(MAIL_BATCH):
        with transaction.atomic():
            notice = (
                Notice.objects.mail_due()
                .filter(mail_after__lte=timezone.now())
                .select_related("user")
                .order_by("mail_after", "pk")
                .select_for_update(skip_locked=True, of=("self",))
                .first()
            )
            if notice is None:
                break
            if _send(notice):
                notice.mailed_at = timezone.now()
                sent += 1
            else:
                pause = FIRST_PAUSE * 2**notice.mail_attempts
                notice.mail_after = timezone.now() + pause
            notice.mail_attempts += 1
            notice.save(update_fields=["mailed_at", "mail_after", "mail_attempts"])
    return sent


def _send(notice: Notice) -> bool:
    person = notice.user
    address = person.email if person is not None else notice.address
    if person is not None and person.deleted_at is not None:
        return True  # nobody is left to read it
    lines = [notice.text]
    if notice.url:
        lines += ["", f"{settings.PUBLIC_URL}{notice.url}"]
    try:
        EmailMessage(notice.title, "\n".join(lines), to=[address]).send()
    except (OSError, SMTPException):
        logger.warning("a mail could not be sent; it is tried again", exc_info=True)
        return False
    return True
