"""What a set of change events means, in plain Python: the yardstick of the CDC tests.

An event is (key, sequence, operation, values, written): operation is "U", "D" or "T", values a
dict, written None or the names it writes. Order and repetition of the events mean nothing.
"""

from __future__ import annotations


def final_table(events, columns, *, scd_type=1, untracked=(), null_keeps=()):
    """Return the target's rows: {(key, *values)} or, for type 2, {(key, *values, start, end)}."""
    until = max((seq for _, seq, op, *_ in events if op == "T"), default=None)
    rows = set()
    for key in {key for key, _, op, *_ in events if op != "T"}:
        versions = _versions([e for e in events if e[0] == key], columns, until, null_keeps)
        if scd_type == 1:
            last = versions[-1][1]
            rows |= {(key, *last.values())} if last else set()
        else:
            rows |= {(key, *v.values(), *i) for i, v in _runs(versions, untracked)}
    return rows


def _versions(events, columns, until, null_keeps):
    row, versions = None, []
    for seq in sorted({seq for _, seq, *_ in events}):
        here = [e for e in events if e[1] == seq]
        if any(op == "D" for _, _, op, *_ in here) or (until is not None and seq <= until):
            row = None
        else:
            _, _, _, values, written = here[0]
            row = dict(row or dict.fromkeys(columns))
            for name in columns if written is None else written:
                if values[name] is not None or name not in null_keeps:
                    row[name] = values[name]
        versions.append((seq, row))
    return versions


def _runs(versions, untracked):
    runs = []
    for seq, row in versions:
        tracked = row and {name: row[name] for name in row if name not in untracked}
        if runs and runs[-1][0][1] is None:
            if row and tracked == runs[-1][2]:
                runs[-1][1] = row
                continue
            runs[-1][0] = (runs[-1][0][0], seq)
        if row:
            runs.append([(seq, None), row, tracked])
    return [(interval, row) for interval, row, _ in runs]


def after_snapshot(table, snapshot, version, columns, scd_type=1, untracked=()):
    """Return the target's rows, as `final_table` does, after a snapshot: {key: values}."""
    if scd_type == 1:
        return {(key, *values) for key, values in snapshot.items()}
    tracked = [place for place, name in enumerate(columns) if name not in untracked]
    after, going_on = set(), set()
    for key, *values, start, end in table:
        new = snapshot.get(key)
        if end is not None:
            after.add((key, *values, start, end))
        elif new is not None and all(values[place] == new[place] for place in tracked):
            after.add((key, *new, start, None))
            going_on.add(key)
        else:
            after.add((key, *values, start, version))
    return after | {
        (key, *new, version, None) for key, new in snapshot.items() if key not in going_on
    }


def bitemporal_table(events, columns):
    """Return the rows of a bitemporal target: {(key, *values, start, end, known, until)}.

    An event is (key, sequence, operation, values, system time).
    """
    rows = set()
    for key in {key for key, *_ in events}:
        own = [each for each in events if each[0] == key]
        times = sorted({each[4] for each in own})
        believed = {at: _believed(own, at, columns) for at in times}
        for place, at in enumerate(times):
            before = believed[times[place - 1]] if place else set()
            for row in believed[at] - before:
                ends = (each for each in times[place:] if row not in believed[each])
                rows.add((*row, at, next(ends, None)))
    return rows


def _believed(events, at, columns):
    latest = {}
    for event in sorted((e for e in events if e[4] <= at), key=lambda e: (e[1], e[4], e[2] == "D")):
        latest[event[1]] = event
    known = [(key, seq, op, values, None) for key, seq, op, values, _ in latest.values()]
    return final_table(known, columns, scd_type=2)
