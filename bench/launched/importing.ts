/** A program that uses Interlock and does nothing: what its start costs. */
import "../../mod.ts";
