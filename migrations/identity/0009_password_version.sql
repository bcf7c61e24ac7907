-- Which of an account's passwords something was proved by: a login that has compared the former one while
-- another was being set must not open a session afterwards.

alter table identity.users add column password_version bigint not null default 0;
-- Of the password that the first factor was; null when it was none.
alter table identity.challenges add column password_version bigint;
