"""The times in the life of a page's messages, in seconds, and all in one place: each stands on the ones before.

    0      received with VISIBILITY: until then nobody else can receive them
    20     FILL_TIME: the page is closed with what it has, stored, and judged
    -60    MARGIN before they become visible, nothing more of the page is sent
    -10    LEEWAY before they become visible, nobody uses their receipt handles any more
    600    VISIBILITY: what is neither deleted nor renewed is visible again

What is held back is renewed for HOLD at a time, RENEW before it would become visible, and never past MOST_HIDDEN.
"""

from __future__ import annotations

from redrive import clock

VISIBILITY = 600  # a page may take that long; a Receive that dies gives its messages back after it
FILL_TIME = 20
MARGIN = 60
LEEWAY = 10  # a request takes its time
HOLD = 3_600
# A turn may send until MARGIN before its own page becomes visible, and then deletes.
RENEW = VISIBILITY - MARGIN // 2
REMEMBERED = 14 * 24 * 3_600  # by the journal: as long as a message can live (SQS's longest retention)
MOST_HIDDEN = 12 * 3_600  # from its receive, however often that is extended (docs/facts.md A1)


def still_ours(visible_at: float) -> bool:
    """Tell whether messages that become visible at `visible_at` (epoch seconds) are surely in nobody else's hands yet.

    Once they are visible, another run may receive them, and SQS may take our old handle for what is in its hands.
    """
    return clock.now() < visible_at - LEEWAY
