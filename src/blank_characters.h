/*-------------------------------------------------------------------------
 *
 * blank_characters.h
 *		The characters of which a blank text consists, also for the mailer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_BLANK_CHARACTERS_H
#define ECOMMERCE_BLANK_CHARACTERS_H

/*
 * Characters that show nothing: White_Space, controls (Cc), and
 * Default_Ignorable_Code_Point of Unicode 16, PropList.txt and
 * DerivedCoreProperties.txt.  First and last of each range.
 */
#define BLANK_CHARACTERS(EACH) \
	EACH(00000001, 00000020) \
	EACH(0000007F, 000000A0) \
	EACH(000000AD, 000000AD) \
	EACH(0000034F, 0000034F) \
	EACH(0000061C, 0000061C) \
	EACH(0000115F, 00001160) \
	EACH(00001680, 00001680) \
	EACH(000017B4, 000017B5) \
	EACH(0000180B, 0000180F) \
	EACH(00002000, 0000200F) \
	EACH(00002028, 0000202F) \
	EACH(0000205F, 0000206F) \
	EACH(00003000, 00003000) \
	EACH(00003164, 00003164) \
	EACH(0000FE00, 0000FE0F) \
	EACH(0000FEFF, 0000FEFF) \
	EACH(0000FFA0, 0000FFA0) \
	EACH(0000FFF0, 0000FFF8) \
	EACH(0001BCA0, 0001BCA3) \
	EACH(0001D173, 0001D17A) \
	EACH(000E0000, 000E0FFF)

#endif							/* ECOMMERCE_BLANK_CHARACTERS_H */
