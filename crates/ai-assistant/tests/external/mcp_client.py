"""The official Python client of the Model Context Protocol against ours: by HTTP in both
generations of the protocol, and through the bridge over standard streams.

DOORS_URL, DOORS_TOKEN: the service; DOORS_BIN: its program.
"""

import asyncio
import importlib.metadata
import os

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

URL, TOKEN, BIN = (os.environ[name] for name in ("DOORS_URL", "DOORS_TOKEN", "DOORS_BIN"))
URL = URL.rstrip("/") + "/mcp"


async def use(name, transport, mode):
    async with Client(transport, mode=mode) as client:
        listed = await client.list_tools()
        names = [tool.name for tool in listed.tools]
        assert "get_receivables" in names and "find_subject" in names, names
        assert all(tool.annotations.read_only_hint for tool in listed.tools)
        result = await client.call_tool("get_receivables", {"limit": 5})
        assert not result.is_error, result
        assert result.structured_content["report"] == "receivables", result
        wrong = await client.call_tool("get_receivables", {"company": "x"})
        assert wrong.is_error, wrong
        print(f"  ok  {name:24} protocol {client.protocol_version}, {len(names)} tools, cache {listed.cache_scope}")


def by_http():
    http = create_mcp_http_client(headers={"Authorization": f"Bearer {TOKEN}"})
    return streamable_http_client(URL, http_client=http)


def by_bridge():
    environment = {**os.environ, "MCP_URL": URL, "MCP_KEY": TOKEN}
    return stdio_client(StdioServerParameters(command=BIN, args=["mcp-stdio"], env=environment))


async def main():
    for mode in ("auto", "legacy"):
        await use(f"http, {mode}", by_http(), mode)
    for mode in ("auto", "legacy"):
        await use(f"mcp-stdio, {mode}", by_bridge(), mode)
    print(f"mcp {importlib.metadata.version('mcp')}: every way in works")


asyncio.run(main())
