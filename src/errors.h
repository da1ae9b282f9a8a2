/*-------------------------------------------------------------------------
 *
 * errors.h
 *		SQLSTATEs of the conditions that are ours, not the server's.
 *
 * PostgREST answers an error whose SQLSTATE is PTxyz with HTTP status xyz, and
 * copies the message into the status line: messages are therefore constants,
 * and all data goes into DETAIL, as one JSON object with a "code".
 *
 * https://docs.postgrest.org/en/stable/references/errors.html
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ERRORS_H
#define ECOMMERCE_ERRORS_H

#define ERRCODE_NO_IDENTITY		MAKE_SQLSTATE('P', 'T', '4', '0', '1')
#define ERRCODE_NOT_FOUND		MAKE_SQLSTATE('P', 'T', '4', '0', '4')
#define ERRCODE_CONFLICT		MAKE_SQLSTATE('P', 'T', '4', '0', '9')
#define ERRCODE_KEY_REUSED		MAKE_SQLSTATE('P', 'T', '4', '2', '2')

#endif							/* ECOMMERCE_ERRORS_H */
