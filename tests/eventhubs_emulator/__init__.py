"""A test double of Azure Event Hubs over AMQP 1.0, on loopback; see `server`."""

from eventhubs_emulator.server import Emulator, eventhubs_emulator

__all__ = ["Emulator", "eventhubs_emulator"]
