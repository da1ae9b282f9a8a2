

-- Privileges

SELECT ecommerce_migrations.carry_grants(
           pg_catalog.current_setting('ecommerce_migrations.before')::json);
