"""The sync engine: resolve, plan, execute, report.

A sync lists both sides in the same order, compares them (`diff`), plans what to do with each entry
(`planner`), and does it over a bounded window of requests (`executor`). Nothing is changed before
the plan is complete.
"""
