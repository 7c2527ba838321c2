"""The rules on the length of the experts' training, committed before any of its worlds was scored.

The default worlds of both datasets, drawn anew. ``short`` is the first length of their cells, the one of every other
run in the synthetic worlds; ``long`` is their longest. The pilots, in other worlds, trained two and a half times as
long too: the gain of all attributes moved by less than a tenth. That it grows with training towards what labels bring,
and that labels of another person bring more than true ones after long training, was seen in a pilot before: what rules
1 to 3 add are intervals over worlds.

In each world the mean over its trainings; over the worlds of a dataset the mean with a 95 % interval by Student's t.

**1. Where does the gain end?** By gain(long) / L, where L is what the labels bring without experts: ``at what labels
bring`` if the whole interval lies within 0.9 to 1.1, ``short of it`` if it lies below 0.9, ``beyond it`` if above 1.1,
else ``open``.

**2. Does it grow?** By gain(long) - gain(short): ``grows`` or ``shrinks`` if the whole interval lies above or below
zero, else ``open``.

**3. Must labels be true?** By gain(another person's labels) - gain(true labels), both after ``long`` and, on its own,
after ``short``: ``another's bring more`` if the whole interval lies above zero, ``true ones bring more`` if below, else
``open``.

**4. Does the order of attributes depend on the length?** Every pair of single attributes that were trained, by the
differences of their gains after ``short`` and after ``long``: ``turns round`` if both intervals exclude zero on
opposite sides, ``stays`` if both do on the same side, else ``open``. Of a dataset: ``depends`` if a pair turns round,
``stays`` if all stay, else ``open``. Pairs are not corrected for their number: a pair without a difference seems to
turn round in one of forty cases at most.

Rules 1 to 3 are not corrected for their number, four a dataset.

While a world or a training that was announced is missing, every verdict is ``unfinished``.

Written after the results had been seen, because size is the question that ``strength.decision`` asks too:

**5. Does most of the gain go with labels that are true?** By H = gain(true labels) / 2 - gain(another person's), after
``short`` and after ``long``: ``true labels needed`` if the whole interval lies above zero, ``any labels do`` if below,
else ``open``.

**6. Do another person's labels bring more without experts too?** By L(another person's) - L(true), as rule 3.

Written after all of these results had been seen, before the first training of 60 epochs was scored (``further``: the
same worlds and baselines, cells that train one length, longer than ``long``, in the first training of each world).
The pilots had shown one world a dataset with true labels.

**7. Does it move after long?** By gain(further) - gain(long) of the same trainings, of all attributes with true labels,
with another person's, with true labels added too, and of every single attribute. The margin is ``strength.decision``'s
share of the mean gain(long): ``no longer moves`` if the whole interval lies within it, ``grows on`` or ``shrinks`` if
the whole interval lies above or below it, else ``open``.

**8. Does the order of attributes depend on the length, up to further?** As rule 4 with ``further`` for ``long``, by the
trainings that went so far.

Rules 7 and 8 are not corrected for their number, six and three a dataset.
"""

OPEN, UNFINISHED = "open", "unfinished"
AT, SHORT, BEYOND = "at what labels bring", "short of it", "beyond it"
NEAR = (0.9, 1.1)
GROWS, SHRINKS = "grows", "shrinks"
ANOTHERS, TRUE = "another's bring more", "true ones bring more"
TURNS, STAYS, DEPENDS = "turns round", "stays", "depends"
STILL, GROWS_ON = "no longer moves", "grows on"


def end(low: float, high: float) -> str:
    """Rule 1, from the interval of gain(long) / L."""
    if NEAR[0] <= low and high <= NEAR[1]:
        return AT
    return SHORT if high < NEAR[0] else BEYOND if low > NEAR[1] else OPEN


def side(low: float, high: float, *, above: str, below: str) -> str:
    """Rules 2, 3, 5 and 6: ``above`` or ``below`` where the whole interval lies on that side of zero."""
    return above if low > 0 else below if high < 0 else OPEN


def further(low: float, high: float, *, margin: float) -> str:
    """Rule 7, from the interval of gain(further) - gain(long) and the margin, in points.

    A margin below zero counts as zero: nothing was gained after long that it could be a share of.
    """
    margin = max(margin, 0)
    if -margin <= low and high <= margin:
        return STILL
    return GROWS_ON if low > margin else SHRINKS if high < -margin else OPEN


def pair(short: tuple[float, float], long: tuple[float, float]) -> str:
    """Rule 4 for one pair, from the intervals of the difference after short and after long training."""
    signs = [1 if low > 0 else -1 if high < 0 else 0 for low, high in (short, long)]
    if 0 in signs:
        return OPEN
    return STAYS if signs[0] == signs[1] else TURNS


def order(pairs: list[str]) -> str:
    """Rule 4 for a dataset, from the verdicts on its pairs."""
    if TURNS in pairs:
        return DEPENDS
    return STAYS if pairs and set(pairs) == {STAYS} else OPEN
