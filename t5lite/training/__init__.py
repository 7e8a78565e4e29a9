"""Objective, optimizers, schedules, state and the one jitted step."""
