-- Calls of tools by the Model Context Protocol are usage too: operation `mcp`. After 0007, which names the
-- operations that there were.
alter table assistant.usage drop constraint usage_operation_check;
alter table assistant.usage add constraint usage_operation_check
    check (operation in ('chat', 'generate', 'proxy', 'mcp'));
