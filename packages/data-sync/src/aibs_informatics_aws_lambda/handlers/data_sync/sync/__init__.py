"""What moves data: plan, then execute.

A sync lists both sides in one order, decides what to do with each entry (`plan`), and does it over
a bounded window of requests (`execution`). Nothing is changed before the whole plan is made.
"""
