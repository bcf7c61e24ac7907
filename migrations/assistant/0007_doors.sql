-- Clients of /v1/* ask language models with prompts of their own: operation `proxy`.
alter table assistant.usage drop constraint usage_operation_check;
alter table assistant.usage add constraint usage_operation_check check (operation in ('chat', 'generate', 'proxy'));
