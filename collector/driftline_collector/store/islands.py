"""SQL that joins intervals: rows with the columns `first` and `last`, both of them in the interval."""


def islands(rows: str, by: str, gap: str) -> str:
    """The rows, which `island` each belongs to among those of the same `by`: intervals that touch or overlap.

    They touch where no more than `gap` - 1 numbers lie between them.
    """
    order = f'PARTITION BY {by} ORDER BY "first", "last" ROWS BETWEEN UNBOUNDED PRECEDING AND'
    return f"""
        SELECT *, sum(begins) OVER ({order} CURRENT ROW) AS island FROM (
            SELECT *, CASE WHEN "first" <= max("last") OVER ({order} 1 PRECEDING) + {gap} THEN 0 ELSE 1 END
                AS begins
            FROM {rows})
    """
