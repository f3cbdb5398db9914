/* signet-unlock */
int main(void)
{
	return 2;
}
