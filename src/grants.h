/*-------------------------------------------------------------------------
 *
 * grants.h
 *		Who is granted what.
 *
 * SPI must be connected, and search_path pinned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_GRANTS_H
#define ECOMMERCE_GRANTS_H

/*
 * Raises 42501 unless the caller has the rights of the owners of the schemas,
 * of the extension and of the tables: a GRANT that has nothing to give ends with
 * a warning, which would leave roles with half of what they need.
 */
extern void require_rights_of_owners(void);

/*
 * The owner of the tables needs the schemas and the functions too, and gets of
 * them what the caller may grant.
 */
extern void grant_to_owner(Oid owner);
extern void revoke_from_owner(Oid owner);

/*
 * The owner may CREATE in the schemas until it is taken back.  Raises 42501
 * when it may not, and the caller may not grant it.
 *
 * Taking it back raises 42723 when there is a function then with the name of one
 * of the extension's: somebody's call of that one might run it, as him.
 */
extern int	lend_create(Oid owner);
extern void take_back_create(Oid owner, int lent);

/* Raises 42501 unless the owner may CREATE by itself. */
extern void require_create(Oid owner);

/*
 * Whoever has everything that a kind of role is granted on tables of this
 * version gets what such a role is granted on newer ones.  Called as the owner.
 */
extern void grant_new_tables(int version);

#endif							/* ECOMMERCE_GRANTS_H */
