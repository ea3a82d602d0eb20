"""The tables of the SQL store: analyses, what each site accepted, rounds, and events."""

import sqlalchemy as sql

METADATA = sql.MetaData()
ANALYSES = sql.Table(
    "analyses",
    METADATA,
    sql.Column("sequence", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("id", sql.String(64), nullable=False, unique=True),
    sql.Column("idempotency_key", sql.String(200), unique=True),
    sql.Column("request_sha256", sql.String(64), nullable=False),
    sql.Column("request", sql.Text, nullable=False),
    sql.Column("roster", sql.Text, nullable=False),
    sql.Column("owner", sql.String(300)),
    sql.Column("created_at", sql.String(32), nullable=False),
    sql.Column("state", sql.String(32), nullable=False, index=True),
    sql.Column("since", sql.String(32), nullable=False),
    sql.Column("waiting_for", sql.Text, nullable=False, default="[]"),
    sql.Column("problems", sql.Text, nullable=False, default="[]"),
    # what may be large comes last: SQLite reads a row up to the last column that is asked for
    sql.Column("specification", sql.Text, nullable=False),
    sql.Column("start", sql.Text),
    sql.Column("result", sql.Text),
    sqlite_autoincrement=True,
)
ACCEPTED = sql.Table(
    "accepted",
    METADATA,
    sql.Column("analysis", sql.ForeignKey("analyses.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("position", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("site", sql.String(120), nullable=False),
    sql.Column("answer", sql.Text, nullable=False),
)
ROUNDS = sql.Table(
    "rounds",
    METADATA,
    sql.Column("analysis", sql.ForeignKey("analyses.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("psi", sql.Text, nullable=False, comment="JSON; float64 round-trips exactly"),
    sql.Column("summed", sql.Text, nullable=False, comment="JSON; float64 round-trips exactly"),
    sql.Column("log_likelihood", sql.Double, nullable=False),
    sql.Column("decrement", sql.Double),
    sql.Column("accepted", sql.Boolean, nullable=False),
    sql.Column("seconds", sql.Double, nullable=False),
)
EVENTS = sql.Table(
    "events",
    METADATA,
    sql.Column("analysis", sql.ForeignKey("analyses.id", ondelete="CASCADE"), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("kind", sql.String(32), nullable=False),
    sql.Column("data", sql.Text, nullable=False, comment="JSON, as it is told"),
)
