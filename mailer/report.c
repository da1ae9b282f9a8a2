/*-------------------------------------------------------------------------
 *
 * report.c
 *		Tells the operator, on standard error.
 *
 *-------------------------------------------------------------------------
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
report(const char *format,...)
{
	char		line[1024];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);

	for (char *c = line; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ')
			*c = ' ';
	}
	fprintf(stderr, "ecommerce-mailer: %s\n", line);
}

void
out_of_memory(void)
{
	report("out of memory");
	exit(EXIT_FAILURE);
}
