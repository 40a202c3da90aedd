.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python

.PHONY: help
help:
	@echo later
