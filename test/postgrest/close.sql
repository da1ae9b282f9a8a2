-- Undoes open.sql.

RESET SESSION AUTHORIZATION;
DROP SCHEMA regress_postgrest CASCADE;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP OWNED BY regress_pgrst_shop, regress_pgrst_anonymous, regress_pgrst_shopper, regress_pgrst_staff,
    regress_pgrst_nobody, regress_pgrst_pool;
DROP ROLE regress_pgrst_shop, regress_pgrst_anonymous, regress_pgrst_shopper, regress_pgrst_staff,
    regress_pgrst_nobody, regress_pgrst_pool;
