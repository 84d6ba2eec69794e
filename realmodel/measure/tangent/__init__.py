"""What LoRA can reach within a budget of optimiser steps."""
