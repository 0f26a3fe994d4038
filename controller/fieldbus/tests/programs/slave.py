"""A Modbus slave by pymodbus, of version 3.0 (Debian 12) or later: `slave.py tcp|rtu+tcp PORT`.

Every table holds 3 n + 1 at address n, of which bits take the last one. Unit 1.
"""

import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartTcpServer

try:
    from pymodbus.datastore import ModbusDeviceContext as Device
    from pymodbus import FramerType

    FRAMERS = {"tcp": FramerType.SOCKET, "rtu+tcp": FramerType.RTU}
except ImportError:
    from pymodbus.datastore import ModbusSlaveContext as Device
    from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

    FRAMERS = {"tcp": ModbusSocketFramer, "rtu+tcp": ModbusRtuFramer}

SIZE = 4000
WORDS = [(3 * n + 1) % 65536 for n in range(SIZE)]
BITS = [bool(word & 1) for word in WORDS]


def block(values):
    # A device's context counts from 1, whatever the wire says.
    return ModbusSequentialDataBlock(1, list(values))


device = Device(di=block(BITS), co=block(BITS), hr=block(WORDS), ir=block(WORDS))
try:
    context = ModbusServerContext(devices={1: device}, single=False)
except TypeError:
    context = ModbusServerContext(slaves={1: device}, single=False)
framing, port = sys.argv[1], int(sys.argv[2])
StartTcpServer(context=context, framer=FRAMERS[framing], address=("127.0.0.1", port))
