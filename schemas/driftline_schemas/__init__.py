"""driftline's contracts: names on the wire, records, binnings, references, segment keys."""
